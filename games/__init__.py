"""Games that anyone can install, in windows that take real keys, and scripted players for them."""

from agent.machine import find_cpp_run_time

find_cpp_run_time()  # for Box2D
