import Foundation
import Testing

/// Network namespaces joined by a bridge in a namespace of its own: nothing of this machine's network is touched.
final class Namespaces: Sendable {
    private let base: String
    private let count: Int

    private init(base: String, count: Int) {
        self.base = base
        self.count = count
    }

    /// Nil where this machine does not allow it.
    static func make(_ count: Int) async throws -> Namespaces? {
        let paths = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"]
        guard geteuid() == 0, paths.contains(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            return nil
        }
        let made = Namespaces(base: "bt\(getpid() % 10_000)", count: count)
        guard try await made.ip(["netns", "add", made.base + "b"]) else { return nil }
        let bridge = ["-n", made.base + "b"]
        var isFine = try await made.ip(bridge + ["link", "add", "br0", "type", "bridge"])
        isFine = try await made.ip(bridge + ["link", "set", "br0", "up"]) && isFine
        for place in 0..<count where isFine { isFine = try await made.join(place, bridge: bridge) }
        guard isFine else {
            await made.remove()
            return nil
        }
        return made
    }

    private func join(_ place: Int, bridge: [String]) async throws -> Bool {
        let (name, port) = (base + "n\(place)", "port\(place)")
        for arguments in [
            ["netns", "add", name],
            ["-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", base + "b"],
            ["-n", name, "addr", "add", "10.77.0.\(place + 1)/24", "dev", "eth0"],
            ["-n", name, "link", "set", "lo", "up"], ["-n", name, "link", "set", "eth0", "up"],
            bridge + ["link", "set", port, "master", "br0"], bridge + ["link", "set", port, "up"],
        ] {
            guard try await ip(arguments) else { return false }
        }
        return true
    }

    func address(of place: Int) -> String { "10.77.0.\(place + 1):47700" }

    func prefix(of place: Int) -> [String] { ["/usr/bin/env", "ip", "netns", "exec", base + "n\(place)"] }

    func setLink(of place: Int, isUp: Bool) async throws {
        #expect(try await ip(["-n", base + "b", "link", "set", "port\(place)", isUp ? "up" : "down"]))
    }

    func remove() async {
        for name in (0..<count).map({ base + "n\($0)" }) + [base + "b"] {
            _ = try? await ip(["netns", "del", name])
        }
    }

    private func ip(_ arguments: [String]) async throws -> Bool {
        let path = ["PATH": "/usr/sbin:/sbin:/usr/bin:/bin"]
        return try await run("/usr/bin/env", ["ip"] + arguments, environment: path).status == 0
    }
}
