"""What the controllers of a cluster do with StatefulSets, Deployments, Jobs, Pods and claims, without any node."""
