"""A report as a workbook: live formulas on the sheet of money, tables of numbers, pictures, no macros and no links."""
