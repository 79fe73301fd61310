"""Games that anyone can install, in windows that take real keys, and scripted players for them."""
