"""Safe access to the disk: home folder, digests, netCDF files, archives."""
