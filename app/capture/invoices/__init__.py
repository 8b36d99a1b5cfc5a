"""Usage and cost exports of model vendors, told apart by what is in them."""
