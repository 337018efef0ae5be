"""The TimeHarp 200 by way of its 32-bit library in a helper process, and its successors behind the same interface."""
