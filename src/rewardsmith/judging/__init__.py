"""A judge and pairs of responses in, rulings out."""
