import CSystemCalls
import ControlSocket
import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

struct Text: Codable, Hashable, Sendable { var text: String }

/// Answers what the tests ask and counts what ended.
final class EchoHandler: ControlHandler {
    let closedSessions = Mutex<[UInt64]>([])
    let cancelled = Mutex(0)

    func handle(kind: String, body: [UInt8], session: ControlSession) async throws -> [UInt8] {
        switch kind {
        case "echo":
            return body
        case "refuse":
            throw ControlFailure(code: 5, message: "no quorum", hint: "wait for desktop")
        case "crash":
            throw EOFError()
        case "count":
            for number in 1...5 { try await session.item(ControlJSON.encode(Text(text: "\(number)"))) }
            return ControlJSON.empty
        case "hang":
            do {
                try await Task.sleep(for: .seconds(60))
            } catch {
                cancelled.withLock { $0 += 1 }
                throw error
            }
            return ControlJSON.empty
        case "huge":
            return try ControlJSON.encode(Text(text: String(repeating: "x", count: 2 << 20)))
        case "notices":
            for number in 1...3 { session.notify("gate.pause", try ControlJSON.encode(Text(text: "\(number)"))) }
            return ControlJSON.empty
        case "flood":
            let text = try ControlJSON.encode(Text(text: String(repeating: "x", count: 500_000)))
            for _ in 1...40 { session.notify("flood", text) }
            return ControlJSON.empty
        case "hang-up":
            session.close()
            return ControlJSON.empty
        default:
            throw ControlFailure(code: 64, message: "no such call: \(kind)")
        }
    }

    func closed(_ session: ControlSession) { closedSessions.withLock { $0.append(session.id) } }

    struct EOFError: Error, CustomStringConvertible { var description: String { "the disk is full" } }
}

/// A home with a running server, removed at the end.
func withServer(
    uid: uid_t = geteuid(), halfMessage: Duration = .milliseconds(200), homeName: String = "h",
    _ body: (String, ControlServer, EchoHandler) async throws -> Void
) async throws {
    let home = try makeHome(homeName)
    defer { try? FileManager.default.removeItem(atPath: home) }
    let handler = EchoHandler()
    let server = try ControlServer(
        address: .resolve(home: home), group: MultiThreadedEventLoopGroup.singleton, handler: handler,
        logger: Logger(label: "test"), uid: uid, halfMessage: halfMessage)
    try await server.start()
    do {
        try await body(home, server, handler)
    } catch {
        await server.stop()
        throw error
    }
    await server.stop()
}

func makeHome(_ name: String = "h") throws -> String {
    let home = NSTemporaryDirectory() + "/baton-control-\(UUID().uuidString.prefix(8))/" + name
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    return home
}

/// Waits until `condition` holds; false after five seconds.
func eventually(_ condition: () -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now + .seconds(5)
    while !condition() {
        if ContinuousClock.now > deadline { return false }
        try await Task.sleep(for: .milliseconds(2))
    }
    return true
}

/// The failure that `body` throws; nil if it throws none or another.
func failure(_ body: () async throws -> Void) async -> ControlFailure? {
    do {
        try await body()
        return nil
    } catch {
        return error as? ControlFailure
    }
}

@Suite struct ControlCallTests {
    @Test func callsItemsNoticesAndErrorsArrive() async throws {
        try await withServer { home, server, _ in
            let client = try await ControlClient.connect(home: home)
            let echo: Text = try await client.call("echo", Text(text: "a \"b\" \\ {} ü \u{0}"))
            #expect(echo.text == "a \"b\" \\ {} ü \u{0}")
            let refused = await failure { let _: Text = try await client.call("refuse", ControlEmpty()) }
            #expect(refused == ControlFailure(code: 5, message: "no quorum", hint: "wait for desktop"))
            let crashed = await failure { let _: Text = try await client.call("crash", ControlEmpty()) }
            #expect(crashed?.code == 1 && crashed?.message == "the disk is full")
            var items: [Text] = []
            for try await item in client.stream("count", ControlEmpty(), as: Text.self) { items.append(item) }
            #expect(items.map(\.text) == ["1", "2", "3", "4", "5"])
            let _: ControlEmpty = try await client.call("notices", ControlEmpty())
            var notices: [ControlNotice] = []
            for await notice in client.notices {
                notices.append(notice)
                if notices.count == 3 { break }
            }
            #expect(try notices.map { try ControlJSON.decode(Text.self, from: $0.body).text } == ["1", "2", "3"])
            #expect(notices.allSatisfy { $0.kind == "gate.pause" })
            await client.close()
            #expect(server.refusals == ControlRefusals())
        }
    }

    @Test func oneHundredCallsAtOnceOnThreeConnectionsGetTheirOwnAnswers() async throws {
        try await withServer { home, _, _ in
            for _ in 0..<3 {
                let client = try await ControlClient.connect(home: home)
                try await withThrowingTaskGroup(of: Bool.self) { tasks in
                    for number in 0..<30 {
                        tasks.addTask {
                            let reply: Text = try await client.call("echo", Text(text: "\(number)"))
                            return reply.text == "\(number)"
                        }
                    }
                    for try await isRight in tasks { #expect(isRight) }
                }
                await client.close()
            }
        }
    }

    @Test func aCallTimesOutAndIsCancelledAtTheAgent() async throws {
        try await withServer { home, _, handler in
            let client = try await ControlClient.connect(home: home)
            let late = await failure { _ = try await client.call("hang", body: [], timeout: .milliseconds(50)) }
            #expect(late?.code == 8)
            #expect(try await eventually { handler.cancelled.withLock { $0 } == 1 })
            let call = Task { try await client.call("hang", body: [], timeout: nil) }
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            let open = Task { try await client.call("hang", body: [], timeout: nil) }
            await client.close()
            #expect(await failure { _ = try await open.value }?.code == 3)
            #expect(try await eventually { handler.closedSessions.withLock { $0.count } == 1 })
        }
    }

    @Test func noAgentIsCodeThree() async throws {
        let home = try makeHome()
        defer { try? FileManager.default.removeItem(atPath: home) }
        let missing = await failure { _ = try await ControlClient.connect(home: home) }
        #expect(missing == .agentNotRunning)
        let nowhere = await failure { _ = try await ControlClient.connect(home: home + "/missing") }
        #expect(nowhere == .agentNotRunning)
    }

    @Test func theAgentEndingEndsCallsAndNotices() async throws {
        try await withServer { home, server, _ in
            let client = try await ControlClient.connect(home: home)
            let call = Task { try await client.call("hang", body: [], timeout: nil) }
            #expect(try await eventually { server.connectionCount == 1 })
            await server.stop()
            #expect(await failure { _ = try await call.value }?.code == 3)
            for await _ in client.notices { Issue.record("a notice after the end") }
            #expect(await failure { _ = try await client.call("echo", body: []) }?.code == 3)
            #expect(await failure { _ = try await ControlClient.connect(home: home) } == .agentNotRunning)
        }
    }

    @Test func tooLongAnswersAndRequestsAreErrorsNotHangs() async throws {
        try await withServer { home, _, _ in
            let client = try await ControlClient.connect(home: home)
            #expect(await failure { _ = try await client.call("huge", body: []) }?.code == 1)
            let long = Text(text: String(repeating: "x", count: 2 << 20))
            #expect(await failure { let _: Text = try await client.call("echo", long) }?.code == 1)
            let still: Text = try await client.call("echo", Text(text: "still here"))
            #expect(still.text == "still here")
        }
    }

    @Test func aRoundTripIsQuick() async throws {
        try await withServer { home, _, _ in
            let client = try await ControlClient.connect(home: home)
            let clock = ContinuousClock()
            var times: [Duration] = []
            for _ in 0..<300 {
                times.append(
                    try await clock.measure { let _: Text = try await client.call("echo", Text(text: "x")) })
            }
            times.sort()
            print("control round trip: median \(times[150]), p99 \(times[297])")
            // The quickest: a loaded machine is slow, a design that polls or sleeps is slower than this each time.
            #expect(times[0] < .milliseconds(5))
        }
    }
}
