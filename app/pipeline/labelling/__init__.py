"""Labels by people: who is drawn, what is shown blind, what is stored of an answer, import and export."""
