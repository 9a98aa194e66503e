"""Labelled images and stimuli: found in folders, archives and shards, decoded, packed and cached."""
