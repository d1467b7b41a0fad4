#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

// What the three keep in step: a copy of the user's directory, a clone of Baton's own repository, or a few files.

extension Demo {
    /// Fills the first device's workspace; returns what it is.
    func makeWorkspace() async throws -> String {
        let target = place.laptop.workspace
        if let wanted = options.workspace {
            guard let real = realpath(wanted, nil) else {
                throw CommandFailure(
                    Exit.usage, "there is no directory \(wanted)", hint: "name one: baton demo --workspace DIR")
            }
            defer { free(real) }
            return try await copy(String(cString: real), to: target)
        }
        if let checkout = Self.checkout(above: program) {
            try await tool(["git", "clone", "--quiet", "--no-hardlinks", checkout, target])
            try await leaveDetachedHead(target)
            return "a clone of \(checkout)"
        }
        try generate(target)
        return "some generated files"
    }

    private func copy(_ source: String, to target: String) async throws -> String {
        var status = stat()
        if lstat(source + "/.git", &status) == 0, status.st_mode & S_IFMT != S_IFDIR {
            // A copy of it would still point to the user's own repository.
            throw CommandFailure(
                Exit.usage, "\(source) is a linked worktree or a submodule", hint: "name a repository's main directory")
        }
        guard !(place.root + "/").hasPrefix(source + "/") else {
            throw CommandFailure(
                Exit.usage, "\(source) contains the directory of the demonstration", hint: "set TMPDIR to another place"
            )
        }
        mkdir(target, 0o700)
        if lstat(source + "/.git", &status) == 0 {
            try await copyRepository(source, to: target)
        } else {
            try await tool(["cp", "-R", "-p", "-P", source + "/.", target])
        }
        return "a copy of \(source)"
    }

    /// The repository, and its files as they are now. What git ignores is not kept in step, and may be large: it stays
    /// out.
    private func copyRepository(_ source: String, to target: String) async throws {
        try await tool(["cp", "-R", "-p", "-P", source + "/.git", target + "/.git"])
        let list = try await tool(["git", "-C", source, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        var status = stat()
        let present = list.output.split(separator: "\0").filter { lstat("\(source)/\($0)", &status) == 0 }
        let (names, archive) = (place.root + "/out/copied", place.root + "/out/copied.tar")
        try present.joined(separator: "\0").write(toFile: names, atomically: true, encoding: .utf8)
        try await tool(["tar", "-C", source, "--null", "--no-recursion", "-T", names, "-cf", archive])
        try await tool(["tar", "-C", target, "-xf", archive])
        unlink(archive)
        try await leaveDetachedHead(target)
    }

    /// Only a branch can be kept in step; a checkout of one commit, as continuous integration makes it, has none.
    private func leaveDetachedHead(_ repository: String) async throws {
        let head = String(fileAt: repository + "/.git/HEAD")
        if !head.hasPrefix("ref: ") {
            try await tool(["git", "-C", repository, "checkout", "--quiet", "-B", "demo"])
        }
    }

    private func generate(_ target: String) throws {
        for number in 0..<100 {
            let directory = "\(target)/notes/\(number % 10)"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let text = "# Note \(number)\n\n" + (0..<20).map { "Line \($0) of note \(number).\n" }.joined()
            try text.write(toFile: "\(directory)/note-\(number).md", atomically: false, encoding: .utf8)
        }
    }

    /// The checkout of Baton that the program lies in.
    private static func checkout(above program: String) -> String? {
        var parts = program.split(separator: "/")
        while !parts.isEmpty {
            parts.removeLast()
            let directory = "/" + parts.joined(separator: "/")
            let marks = [".git", "Package.swift", "Sources/Consensus", "Sources/baton"]
            if marks.allSatisfy({ access("\(directory)/\($0)", F_OK) == 0 }) { return directory }
        }
        return nil
    }
}
