import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// A workspace on disk with a store beside it, captured without any apply.
final class CaptureFixture {
    let scratch: Scratch
    let store: Store
    let device: DeviceID
    var manifest = Manifest()
    let scope = ScanScope()
    let hot = HotFiles()
    let notes = ScanNotes()
    var gates = CaptureGates()
    var base: Revision?
    var previous: Capturer.Previous?
    private var sequence: UInt64 = 0

    var root: String { scratch.path + "/work" }

    init(device: UInt64 = 1, store: Store? = nil) async throws {
        scratch = try Scratch()
        self.device = DeviceID(number: device)
        let installation = try await HermeticGit.locate()
        mkdir(scratch.path + "/work", 0o755)
        self.store = try store ?? Store.open(state: scratch.path + "/state", installation: installation, digits: 40)
        manifest.baseTree = self.store.emptyTree
    }

    func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
        try scratch.write("work/" + name, text, mode: mode)
    }

    func write(_ name: [UInt8], _ bytes: [UInt8]) throws { try scratch.write(Array("work/".utf8) + name, bytes) }

    func setBase(_ revision: Revision) throws {
        let tree = try store.tree(of: revision)
        let known = manifest.baseTree ?? store.emptyTree
        manifest.setBase(tree, try store.compare(known, tree))
        base = revision
        previous = nil
    }

    private func capturer() throws -> (Capturer, Int32) {
        let descriptor = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        try #require(descriptor >= 0)
        let excludes = root + "/.git/info/exclude"
        scope.addEverything()
        let rules = IgnoreRules(store: store, root: root, excludes: excludes)
        return (
            Capturer(
                store: store, manifest: manifest, root: descriptor, rules: rules, scope: scope, gates: gates, hot: hot,
                notes: notes), descriptor
        )
    }

    func capture(userHead: Revision? = nil) throws -> CaptureResult {
        sequence += 1
        let (capturer, descriptor) = try capturer()
        defer { close(descriptor) }
        let (result, newest) = try capturer.capture(
            .init(
                base: base, userHead: userHead, round: RoundID(token: .none, sequence: sequence), device: device,
                name: "laptop", seconds: Int64(time(nil)), previous: previous))
        previous = newest
        return result
    }

    func dirt() throws -> Dirt {
        let (capturer, descriptor) = try capturer()
        defer { close(descriptor) }
        return try capturer.dirt()
    }

    /// The revision of a capture that must have found something.
    func captured() throws -> Revision {
        guard case .captured(let revision, _, _, _) = try capture() else {
            throw Scratch.Failed(what: "the capture was clean", code: 0)
        }
        return revision
    }

    /// Paths and contents of a revision.
    func files(_ revision: Revision) throws -> [[UInt8]: [UInt8]] {
        var files: [[UInt8]: [UInt8]] = [:]
        for line in try store.list(store.tree(of: revision)) {
            if let new = line.new, !new.isGitlink { files[line.path] = try store.blob(new.id) }
        }
        return files
    }

    func text(_ revision: Revision, _ path: String) throws -> String? {
        try files(revision)[Array(path.utf8)].map { String(decoding: $0, as: UTF8.self) }
    }

    func names(_ revision: Revision) throws -> [String] {
        try files(revision).keys.map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    /// The user's own git in the workspace.
    @discardableResult
    func userGit(_ arguments: String...) async throws -> String {
        let git = HermeticGit(
            installation: store.installation, gitDirectory: root + "/.git", workTree: root,
            extra: GitEnvironment.identity("User", email: "user@example.org", seconds: 1_700_000_000))
        let result = try await git.run(arguments)
        return String(decoding: result.output, as: UTF8.self).trimmingCharacters(in: .newlines)
    }
}

extension CaptureResult {
    var revision: Revision? {
        switch self {
        case .captured(let revision, _, _, _), .withheld(let revision, _, _, _): revision
        case .clean: nil
        }
    }
    var held: [HeldPath] {
        switch self {
        case .clean(_, let held), .captured(_, _, _, let held), .withheld(_, _, _, let held): held
        }
    }
    var isClean: Bool { revision == nil }
}
