// Socket.IO over WebSocket alone: node socketio_server.js PORT.  A room is named by the address' query.
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

io.on("connection", (socket) => {
  const { room } = socket.handshake.query;
  socket.join(room);
  socket.on("said", (message) => io.to(room).emit("said", message));
});

http.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
