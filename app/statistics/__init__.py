"""Pure statistics: named numbers in, result values out; `ValueError` names what is out of range."""
