import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// A socket pair; both ends closed with its last use, one of them earlier if wanted.
final class Sockets: @unchecked Sendable {
    // Proof: the two numbers are set once; each end is closed by one side of a test.
    let near: Int32
    let far: Int32
    private var isNearOpen = true
    private var isFarOpen = true

    init() throws {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else {
            throw Scratch.Failed(what: "socketpair", code: errno)
        }
        (near, far) = (pair[0], pair[1])
        for end in pair { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }

    func closeNear() {
        if isNearOpen { close(near) }
        isNearOpen = false
    }

    func closeFar() {
        if isFarOpen { close(far) }
        isFarOpen = false
    }

    deinit {
        closeNear()
        closeFar()
    }
}

/// Some devices, each with a workspace of its own, and rounds among them by calls in sequence.
struct MeshFixture {
    struct Device {
        var scratch: Scratch
        var workspace: Workspace
        var root: String { scratch.path + "/work" }

        func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
            try scratch.write("work/" + name, text, mode: mode)
        }

        func read(_ name: String) throws -> String {
            String(decoding: try scratch.read("work/" + name), as: UTF8.self)
        }

        @discardableResult
        func userGit(_ arguments: String...) async throws -> String {
            let git = HermeticGit(
                installation: workspace.store.installation, gitDirectory: root + "/.git", workTree: root,
                extra: GitEnvironment.identity("User", email: "user@example.org", seconds: Int64(time(nil))))
            return String(decoding: try await git.run(arguments).output, as: UTF8.self)
                .trimmingCharacters(in: .newlines)
        }
    }

    var devices: [Device] = []
    private(set) var sequence: UInt64 = 0
    /// Of the token under which rounds are led.
    var counter: UInt64 = 7
    var head: Revision?
    /// Questions about deletions that were answered, and what the mesh agreed on for merges.
    var allowed: Set<ShortID> = []
    var policies = MergePolicies()

    init(_ count: Int, prepare: (Int, Scratch) async throws -> Void = { _, _ in }) async throws {
        for number in 0..<count {
            let scratch = try Scratch()
            mkdir(scratch.path + "/work", 0o755)
            try await prepare(number, scratch)
            devices.append(try await Self.open(scratch, number: number))
        }
    }

    static func open(_ scratch: Scratch, number: Int) async throws -> Device {
        let workspace = try await Workspace.open(
            root: scratch.path + "/work", state: scratch.path + "/state", device: DeviceID(number: UInt64(number + 1)),
            name: "device \(number)", create: false)
        return Device(scratch: scratch, workspace: workspace)
    }

    subscript(_ number: Int) -> Device { devices[number] }

    mutating func nextRound() -> RoundID {
        sequence += 1
        return RoundID(token: FencingToken(epoch: 1, counter: counter), sequence: sequence)
    }

    /// One pack from a device to another, over a socket pair.
    func transfer(_ revision: Revision, from: Int, to: Int, captureOf: Int? = nil) async throws {
        if await devices[to].workspace.has(revision) { return }
        let sockets = try Sockets()
        let (sender, receiver) = (devices[from].workspace, devices[to].workspace)
        let have = try await receiver.haves()
        async let sending: Void = {
            defer { sockets.closeNear() }
            try await sender.servePack(want: revision, have: have, descriptor: sockets.near)
        }()
        try await receiver.receivePack(
            want: revision, descriptor: sockets.far, captureOf: captureOf.map { DeviceID(number: UInt64($0 + 1)) })
        try await sending
    }

    struct Report {
        var merge: MergeResult
        var applies: [ApplyResult]
        var captures: [CaptureResult]
        /// No device had anything to bring.
        var isSilent: Bool { captures.allSatisfy { $0.isClean } }
    }

    /// A whole round, led by the first device; some do not get to apply it.
    @discardableResult
    mutating func round(
        skipping: [Int] = [], undo: RoundUndo? = nil, applying: (() throws -> Void)? = nil
    ) async throws -> Report {
        let round = nextRound()
        let (merge, results) = try await merged(round, undo: undo)
        for (number, device) in devices.enumerated() {
            if number > 0 {
                if number == 1 || devices.count > 1 {
                    try await devices[0].workspace.stageIfNeeded(merge.revision, round)
                }
                try await transfer(merge.revision, from: 0, to: number)
            }
            try await device.workspace.stage(merge.revision, round: round)
        }
        head = merge.revision
        try applying?()
        var applies: [ApplyResult] = []
        for (number, device) in devices.enumerated() where !skipping.contains(number) {
            try await device.workspace.publishedHead(merge.revision)
            applies.append(try await device.workspace.apply(merge.revision, round: round))
        }
        return Report(merge: merge, applies: applies, captures: results)
    }

    /// What the devices have now, merged by the first of them; nothing is published.
    mutating func merged(
        _ given: RoundID? = nil, undo: RoundUndo? = nil
    ) async throws -> (MergeResult, [CaptureResult]) {
        let round = given ?? nextRound()
        var captures: [DeviceCapture] = []
        var results: [CaptureResult] = []
        for (number, device) in devices.enumerated() {
            let result = try await device.workspace.capture(round: round)
            results.append(result)
            guard case .captured(let revision, let base, _, _) = result else { continue }
            try await transfer(revision, from: number, to: 0, captureOf: number)
            captures.append(
                DeviceCapture(device: DeviceID(number: UInt64(number + 1)), revision: revision, base: base))
        }
        if head == nil { head = await devices[0].workspace.base }
        let merge = try await devices[0].workspace.merge(
            head: head, captures: captures, round: round, policies: policies, allowed: allowed, undo: undo)
        return (merge, results)
    }

    /// Every file of every device by path; equal for all devices when in step.
    func trees() throws -> [[String: String]] {
        try devices.map { device in
            var tree: [String: String] = [:]
            let names = try FileManager.default.subpathsOfDirectory(atPath: device.root)
            for name in names where !name.hasPrefix(".git/") && name != ".git" {
                var raw = stat()
                guard lstat(device.root + "/" + name, &raw) == 0, raw.st_mode & S_IFMT == S_IFREG else { continue }
                tree[name] = try device.read(name) + (raw.st_mode & S_IXUSR != 0 ? "+x" : "")
            }
            return tree
        }
    }
}

extension Workspace {
    /// The leader offers the merged revision before the others fetch it.
    func stageIfNeeded(_ revision: Revision, _ round: RoundID) async throws {
        if staged?.revision != revision { try await stage(revision, round: round) }
    }
}
