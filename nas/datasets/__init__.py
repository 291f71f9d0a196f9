"""Images and labels as uint8 arrays, their splits, and the one way they become network inputs."""
