"""Files of numbers from outside: npy, npz, HDF5, MATLAB, netCDF, zip and CSV, opened within bounds."""
