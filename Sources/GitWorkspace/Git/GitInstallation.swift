import Glibc

/// The git program of this machine: found once, its version checked once, then always called by its absolute path.
package struct GitInstallation: Sendable, Equatable {
    package var path: String
    package var version: GitVersion

    /// The folder that holds the program.
    var folder: String { String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex)) }

    /// Looks through `PATH` (then the usual folders) for an executable `git`.
    static func find(searchPath: String?) throws(GitError) -> String {
        let folders =
            (searchPath ?? "").split(separator: ":").map(String.init) + ["/usr/bin", "/usr/local/bin", "/bin"]
        for folder in folders where folder.hasPrefix("/") {
            let path = folder + "/git"
            var status = stat()
            if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, access(path, X_OK) == 0 { return path }
        }
        throw GitError(
            .missing, message: "git was not found", meaning: "Baton keeps a workspace's history with git",
            hint: "install git 2.38 or newer and see that it is in PATH")
    }
}

/// `2.39.5`, of which two numbers matter.
package struct GitVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var major: Int
    package var minor: Int

    package init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Reads `git version 2.39.5 (...)`; nil for anything else.
    package init?(output: [UInt8]) {
        let words = String(decoding: output, as: UTF8.self).split { $0 == " " || $0 == "\n" }
        guard words.count >= 3, words[0] == "git", words[1] == "version" else { return nil }
        let numbers = words[2].split(separator: ".")
        guard numbers.count >= 2, let major = Int(numbers[0]), let minor = Int(numbers[1]) else { return nil }
        self.init(major: major, minor: minor)
    }

    package static func < (a: GitVersion, b: GitVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }
    package var description: String { "\(major).\(minor)" }

    /// The first with `merge-tree --write-tree`, which merges without a working tree.
    package static let minimum = GitVersion(major: 2, minor: 38)
}
