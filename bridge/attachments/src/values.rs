//! Single values in files: read, and put without changing another byte.
