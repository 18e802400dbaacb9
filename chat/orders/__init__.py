"""The chat's commands, one small file each: its entries of the table, and how it is decided.  Pure, all of them."""
