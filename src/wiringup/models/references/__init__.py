"""Reference models: hand-built, never trained, what the score of a network is read against.

Each is an ``nn.Module`` behind a `readout.NetworkSubject`, so that it is prepared, read out and hashed as
any network is; pixels, the simplest reference, are `readout.PixelSubject`.
"""
