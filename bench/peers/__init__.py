"""What the chat is measured against: the peers' servers, and how a bench starts them."""
