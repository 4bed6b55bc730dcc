// A peer for fan-out: Bun, whose publish is uWebSockets inside. bun fanout.bun.js PORT
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch: (request, server) =>
    server.upgrade(request, { data: { publishes: new URL(request.url).pathname === "/pub" } })
      ? undefined
      : new Response("a WebSocket is wanted", { status: 400 }),
  websocket: {
    perMessageDeflate: false,
    idleTimeout: 600,
    open: (socket) => void (socket.data.publishes || socket.subscribe("topic")),
    message: (socket, text) => void (socket.data.publishes && server.publish("topic", text)),
  },
});
