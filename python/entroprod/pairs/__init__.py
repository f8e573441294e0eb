"""A machine and its reader: who answers for them, decided in one place."""
