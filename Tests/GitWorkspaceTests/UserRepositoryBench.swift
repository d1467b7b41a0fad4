import Foundation
import Glibc
import Primitives

@testable import GitWorkspace

/// A user's repository in `work`, our store in `store`, our scratch directory in `state`. The user's commands run as a
/// user's do: through a shell, without our environment.
final class UserBench {
    let scratch: Scratch
    let installation: GitInstallation
    var root: String { scratch.path + "/work" }
    var store: String { scratch.path + "/store" }
    var state: String { scratch.path + "/state" }

    struct Failed: Error, CustomStringConvertible {
        var description: String
    }

    init() async throws {
        scratch = try Scratch()
        installation = try await HermeticGit.locate()
        for name in ["home", "state", "outside"] { mkdir(scratch.path + "/" + name, 0o755) }
        try shell("git config --global user.name User; git config --global user.email user@example.org")
        try shell("git config --global init.defaultBranch main; git init -q --bare store")
    }

    /// With a first commit of `files` files, which our store knows too.
    func begin(files: Int = 5) throws {
        try shell(
            """
            git init -q work; cd work; mkdir -p d
            for i in $(seq 0 \(files - 1)); do echo "content $i" > d/f$i; done
            git add .; git commit -qm first; git push -q ../store HEAD:refs/baton/main
            """)
    }

    @discardableResult
    func shell(_ script: String, accepting: [Int32] = [0]) throws -> String {
        let output = "\(scratch.path)/output-\(UInt64.random(in: 0...UInt64.max))"
        defer { unlink(output) }
        let environment = "HOME='\(scratch.path)/home' GIT_CONFIG_NOSYSTEM=1 LC_ALL=C GIT_EDITOR=true"
        // A test beside this one may have set these for the whole process, to see that git of ours ignores them.
        let shield = "unset GIT_DIR GIT_CONFIG_GLOBAL"
        try scratch.write("script", "set -e\n\(shield)\nexport \(environment)\ncd '\(scratch.path)'\n\(script)\n")
        let status = system("sh '\(scratch.path)/script' > '\(output)' 2>&1")
        let text = try String(contentsOfFile: output, encoding: .utf8)
        let code = (status >> 8) & 0xff
        guard accepting.contains(code) else { throw Failed(description: "\(script): \(code)\n\(text)") }
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    func user(_ script: String, accepting: [Int32] = [0]) throws -> String {
        try shell("cd work\n" + script, accepting: accepting)
    }

    func repository() async throws -> UserRepository {
        let found = try await UserRepository.open(root: root, scratch: state, installation: installation)
        guard let found else { throw Failed(description: "no repository") }
        return found
    }

    /// A revision that another device made of the store's head, with `script` run in its working tree.
    func peerCommit(_ script: String, parents: String = "refs/baton/main") throws -> Revision {
        let hex = try shell(
            """
            rm -rf peer; git clone -q --no-checkout store peer; cd peer
            git fetch -q origin \(parents); git checkout -q -b main FETCH_HEAD
            \(script)
            git add -A; git commit -qm 'round'; git push -q origin HEAD:refs/baton/main; git rev-parse HEAD
            """)
        guard let line = hex.split(separator: "\n").last, let revision = Revision(hex: line) else {
            throw Failed(description: hex)
        }
        return revision
    }

    /// What differs between two revisions (or trees) of our store.
    func changes(from old: String, to new: Revision) async throws -> [PathChange] {
        let store = HermeticGit(installation: installation, gitDirectory: store)
        let raw = try await store.run(["diff-tree", "-r", "-z", "--raw", "--no-renames", old, new.hex]).output
        let words = raw.split(separator: 0).map(Array.init)
        var changes: [PathChange] = []
        for offset in stride(from: 0, to: words.count - 1, by: 2) {
            let parts = String(decoding: words[offset].dropFirst(), as: UTF8.self).split(separator: " ")
            changes.append(
                PathChange(
                    path: words[offset + 1], old: entry(parts[0], parts[2]), new: entry(parts[1], parts[3])))
        }
        return changes
    }

    /// Applies the difference between two revisions to the workspace, as a round does.
    func apply(from old: String, to new: Revision) async throws -> ApplyReport {
        let changes = try await changes(from: old, to: new)
        let store = HermeticGit(installation: installation, gitDirectory: store)
        let applier = try Applier(root: root, state: state)
        let round = RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: 1)
        let staged = try await applier.stage(changes, round: round) { blob in
            try await store.run(["cat-file", "blob", blob]).output
        }
        return try applier.exchange(staged)
    }

    private func entry(_ mode: Substring, _ blob: Substring) -> TreeEntry? {
        mode == "000000" ? nil : UInt32(mode, radix: 8).map { TreeEntry(mode: $0, blob: String(blob)) }
    }

    func fastForward(to revision: Revision, expected: Revision? = nil) async throws -> FastForward {
        try await repository().fastForward(
            to: revision, fromStore: store, branch: "main", expected: expected, message: "baton: round 1.1/1")
    }

    /// While git commands of the user get in the way, at most a hundred times.
    func fastForwardAtLast(to revision: Revision) async throws {
        for _ in 0..<100 {
            let answer = try await fastForward(to: revision)
            if answer != .waiting(.branchBusy) { return }
        }
    }

    func head() throws -> Revision {
        guard let revision = Revision(hex: try user("git rev-parse HEAD")) else { throw Failed(description: "HEAD") }
        return revision
    }

    /// Name, size, mtime and inode of every file of the user's repository.
    func fingerprint() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root + "/.git").sorted().map { name in
            var raw = stat()
            lstat("\(root)/.git/\(name)", &raw)
            return "\(name) \(raw.st_size) \(raw.st_mtim.tv_sec).\(raw.st_mtim.tv_nsec) \(raw.st_ino)"
        }
    }
}
