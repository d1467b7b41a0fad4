extension CaptureGates {
    /// Holds back the folders that bring most of the new files, until the rest goes without a question. Folders are
    /// those right below the root; files in the root itself count as the folder `.`.
    func holdMany(_ findings: inout ScanFindings) {
        var counts: [Name: Int] = [:]
        var new = 0
        for candidate in findings.candidates where Self.isNew(candidate) {
            let folder = Self.folder(of: candidate)
            if allowed.contains(folder.bytes) { continue }
            counts[folder, default: 0] += 1
            new += 1
        }
        guard new > newFiles else { return }
        var held: Set<Name> = []
        let sorted = counts.sorted { $0.value == $1.value ? $0.key.isBefore($1.key) : $0.value > $1.value }
        for (folder, count) in sorted where new > newFiles {
            held.insert(folder)
            new -= count
            findings.held.append(HeldPath(path: folder.bytes, reason: .tooMany(count)))
        }
        findings.candidates.removeAll { Self.isNew($0) && held.contains(Self.folder(of: $0)) }
    }

    private static func isNew(_ candidate: Candidate) -> Bool { candidate.folder.files[candidate.name]?.kept == nil }

    private static func folder(of candidate: Candidate) -> Name {
        candidate.path.firstIndex(of: 47).map { Name(candidate.path[..<$0]) } ?? Name([46])
    }
}
