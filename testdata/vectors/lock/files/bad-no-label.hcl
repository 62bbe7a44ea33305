version = 1
plugin {
}
