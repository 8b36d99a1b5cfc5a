"""Parts: what each closed day adds to figures that add up; kept, so that only days that changed are looked at again."""
