import CSystemCalls
import NIOCore
import NIOPosix
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A message of the agent that answers no call.
package struct ControlNotice: Hashable, Sendable {
    package var kind: String
    package var body: [UInt8]
}

/// The command line's end: one connection to the agent of a home.
package final class ControlClient: Sendable {
    private let channel: any Channel
    private let calls: ClientCalls

    /// What the agent says unasked, for one reader; ends with the connection.
    package var notices: AsyncStream<ControlNotice> { calls.notices }

    private init(channel: any Channel, calls: ClientCalls) {
        self.channel = channel
        self.calls = calls
    }

    /// Connects, or throws `agentNotRunning` (code 3) if nobody listens. Refuses a socket that is not ours (code 9).
    package static func connect(
        home: String, timeout: Duration = .seconds(2), group: any EventLoopGroup = .singletonMultiThreadedEventLoopGroup
    ) async throws(ControlFailure) -> ControlClient {
        let address = try ControlAddress.resolve(home: home)
        try address.check()
        let calls = ClientCalls()
        let bootstrap = ClientBootstrap(group: group.next())
            .connectTimeout(.nanoseconds(timeout.wholeNanoseconds))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ClientFrameHandler(calls: calls))
                }
            }
        do {
            let channel = try await bootstrap.connect(unixDomainSocketPath: address.socket).get()
            try await channel.eventLoop.submit {
                guard channel.isActive else { throw calls.ended ?? .agentGone }
                try channel.pipeline.syncOperations.closeOnExec()
                let peer = try channel.pipeline.syncOperations.peerUID()
                guard peer == geteuid() else {
                    channel.close(promise: nil)
                    throw ControlFailure.notOurs(address.socket, "is served by another user (uid \(peer))")
                }
            }.get()
            return ControlClient(channel: channel, calls: calls)
        } catch let failure as ControlFailure {
            throw failure
        } catch let error as IOError where [ECONNREFUSED, ENOENT, ENOTDIR].contains(error.errnoCode) {
            throw .agentNotRunning
        } catch is ChannelError {
            throw .timedOut("the connection")
        } catch {
            throw .failed("cannot reach the agent at \(address.socket): \(error)", hint: "try: baton down, baton up")
        }
    }

    /// One call with its reply, both typed.
    package func call<Request: Encodable, Reply: Decodable>(
        _ kind: String, _ request: Request, as reply: Reply.Type = Reply.self, timeout: Duration = .seconds(30)
    ) async throws -> Reply {
        try ControlJSON.decode(Reply.self, from: await call(kind, body: ControlJSON.encode(request), timeout: timeout))
    }

    /// One call, bodies as JSON. No timeout means: as long as the connection lives.
    package func call(_ kind: String, body: [UInt8], timeout: Duration? = .seconds(30)) async throws -> [UInt8] {
        let (answers, sink) = AsyncStream<Result<[UInt8], ControlFailure>>.makeStream()
        let waiter = ClientCalls.Waiter(item: nil) { result in
            sink.yield(result)
            sink.finish()
        }
        let id = begin(kind, body, waiter)
        let timer = timeout.map { timeout in
            channel.eventLoop.scheduleTask(in: .nanoseconds(timeout.wholeNanoseconds)) {
                self.cancel(id, .timedOut(kind))
            }
        }
        defer { timer?.cancel() }
        // The stream ends early only when this task was cancelled.
        for await answer in answers { return try answer.get() }
        cancel(id, .busy("\(kind) was cancelled"))
        throw CancellationError()
    }

    /// A call with many items; the stream ends with the reply, whose body is not looked at. A reader who stops early
    /// cancels the call.
    package func stream<Request: Encodable, Reply: Decodable & Sendable>(
        _ kind: String, _ request: Request, as reply: Reply.Type = Reply.self
    ) -> AsyncThrowingStream<Reply, any Error> {
        let (items, sink) = AsyncThrowingStream<Reply, any Error>.makeStream(
            bufferingPolicy: .bufferingOldest(Limits.controlItems))
        let waiter = ClientCalls.Waiter(
            item: { bytes in
                guard let item = try? ControlJSON.decode(Reply.self, from: bytes) else { return false }
                if case .dropped = sink.yield(item) { return false }
                return true
            },
            finish: { result in
                switch result {
                case .success: sink.finish()
                case .failure(let failure): sink.finish(throwing: failure)
                }
            })
        do {
            let id = begin(kind, try ControlJSON.encode(request), waiter)
            sink.onTermination = { [weak self] _ in self?.cancel(id, .busy("\(kind) was cancelled")) }
        } catch {
            sink.finish(throwing: error)
        }
        return items
    }

    package func close() async {
        calls.end(.agentGone)
        // An error says that it was closed already, which is what was wanted.
        _ = try? await channel.close().get()
    }

    private func begin(_ kind: String, _ body: [UInt8], _ waiter: ClientCalls.Waiter) -> UInt64? {
        guard let id = calls.add(waiter) else { return nil }
        let message = ControlMessage(id: id, kind: kind, body: body)
        guard ControlMessage.isKind(kind.utf8), let frame = ControlFrames.frame(message, allocator: channel.allocator)
        else {
            calls.finish(id, .failure(.failed("\(kind) is too long for the control socket", hint: "ask for less")))
            return nil
        }
        channel.writeAndFlush(frame, promise: nil)
        return id
    }

    /// Ends a call here and tells the agent to stop working on it.
    private func cancel(_ id: UInt64?, _ failure: ControlFailure) {
        guard let id, calls.finish(id, .failure(failure)) else { return }
        let message = ControlMessage(id: id, kind: ControlMessage.cancel, body: [])
        guard let frame = ControlFrames.frame(message, allocator: channel.allocator) else { return }
        channel.writeAndFlush(frame, promise: nil)
    }

    deinit { channel.close(promise: nil) }
}
