"""The command `recordings`: a module for each of its subcommands."""
