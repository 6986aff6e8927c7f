"""What computes: policy and critic, the reference, and the sequences that they read."""
