"""Production traffic for tests of the whole stack: a vendor whose bytes are known beforehand, and a driver that checks them."""
