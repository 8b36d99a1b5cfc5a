"""The database: the only package that imports SQLAlchemy; its functions return domain values, never rows."""
