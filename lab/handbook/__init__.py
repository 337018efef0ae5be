"""Pages that are written from the code itself: messages, interfaces, figures. `python -m lab.handbook` writes them."""
