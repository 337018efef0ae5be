"""Speed and accuracy of the analysis beside named peers: same data, same process, one after the other."""
