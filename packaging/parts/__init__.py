"""The parts of `packaging/build`: a module for each kind of package, and what they share."""
