"""Why containers have the cpus they have: gathered from an agent or a recording, and shown."""
