"""Facts about models and machines, with source and date on every number."""
