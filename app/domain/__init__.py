"""The words of the product (ARCHITECTURE section 2) as frozen values; imports nothing of the service."""
