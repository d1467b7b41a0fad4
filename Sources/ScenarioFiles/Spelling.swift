/// Which known word an unknown one was meant to be.
enum Spelling {
    /// A hint: the nearest of `known` if one is near, else all of them.
    static func hint(_ word: String, _ known: [String]) -> String {
        let near = known.map { (name: $0, distance: distance(word.lowercased(), $0.lowercased())) }
            .min { $0.distance < $1.distance }
        if let near, near.distance < word.count, near.distance <= max(1, min(word.count, near.name.count) / 3) {
            return "did you mean '\(near.name)'?"
        }
        return known.isEmpty ? "nothing is known here" : "known: \(known.joined(separator: ", "))"
    }

    /// Changes of one character, and swaps of neighbours, from the one to the other.
    static func distance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a.prefix(64)), Array(b.prefix(64)))
        var before: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var cost = min(row[j] + 1, last[j + 1] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
                row.append(cost)
            }
            before = last
            last = row
        }
        return last[b.count]
    }
}
