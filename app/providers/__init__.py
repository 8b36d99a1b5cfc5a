"""Model servers behind one protocol: a request goes out, a `Reply` or a `Failure` comes back."""
