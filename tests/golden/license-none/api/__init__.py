"""The API types, one package per version; `kaiwuctl create api` adds them."""
