version = 1
provider "acme/scaler" {
}
