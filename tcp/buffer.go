package tcp

const pageSize = 16 << 10
