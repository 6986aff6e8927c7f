"""What a row says, whatever form it is in: messages, prompts, responses, and columns about them."""
