"""weka-cpuset: CPU and NUMA placement of containers, as an NRI plugin.

The package is a pure core (`engine`) in a thin shell. Data flows one way: bytes from
the runtime become messages (`nri`), messages become facts (`translate`), facts become
a decision (`engine.decide`), and the decision becomes the reply to the same event.
"""

__version__ = "0.1.0"
