"""haloy's container image: `python -m image` writes dist/haloy-VERSION.oci.tar (`make image`). See docs/image.md."""
