"""A node without Kubernetes: machines, pods and a runtime, for trying placement out."""
