#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// Whether the three workspaces are the same: by what git says of each, and by their bytes on disk.

extension Demo {
    struct Tree: Sendable {
        var head: String
        var files: Int
    }

    /// Writers must be still. Throws what differs.
    func identicalTrees() async throws -> Tree {
        var first: (head: String, files: [String])?
        for device in place.devices {
            let git = ["git", "-C", device.workspace]
            let head = try await tool(git + ["rev-parse", "HEAD"]).output.trimmed
            let changes = try await tool(git + ["status", "--porcelain"]).output.trimmed
            let branch = try await tool(git + ["symbolic-ref", "--short", "HEAD"]).output.trimmed
            guard changes.isEmpty else { throw DemoFailure("git status on \(device.name) (\(branch)): \(changes)") }
            let files = try await tool(git + ["ls-files", "-z"]).output.split(separator: "\0").map(String.init)
            guard let known = first else {
                first = (head, files)
                continue
            }
            guard known.head == head else {
                throw DemoFailure("HEAD of \(device.name) is \(head), not \(known.head)")
            }
            guard known.files == files else { throw DemoFailure("\(device.name) has other files") }
            if let path = difference(files, place.laptop.workspace, device.workspace) {
                throw DemoFailure("\(path) differs on \(device.name)")
            }
        }
        guard let first else { throw DemoFailure("there is no device") }
        return Tree(head: first.head, files: first.files.count)
    }

    /// The first of the paths that is not the same file, byte by byte, or the same link.
    nonisolated private func difference(_ paths: [String], _ one: String, _ other: String) -> String? {
        let files = FileManager.default
        return paths.first { path in
            let (a, b) = (one + "/" + path, other + "/" + path)
            let links = (
                try? files.destinationOfSymbolicLink(atPath: a), try? files.destinationOfSymbolicLink(atPath: b)
            )
            guard links.0 == links.1 else { return true }
            guard links.0 == nil else { return false }
            guard files.isExecutableFile(atPath: a) == files.isExecutableFile(atPath: b) else { return true }
            var isDirectory = false
            // A repository within the repository is no file of this one.
            if files.fileExists(atPath: a, isDirectory: &isDirectory), isDirectory { return false }
            guard let bytes = files.contents(atPath: a) else { return true }
            return files.contents(atPath: b) != bytes
        }
    }
}

extension String {
    var trimmed: String { self[...].trimmingSpaces }
}
