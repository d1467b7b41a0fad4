/// How many lines were added and removed between two texts: the length of the shortest edit script alone (Myers 1986,
/// "An O(ND) Difference Algorithm", section 4), which needs no script.
enum LineCounts {
    /// Texts further apart than this are not counted.
    static let differences = 2000

    /// Nil for what is no text, too long or too different.
    static func between(_ old: [UInt8], _ new: [UInt8]) -> (added: Int, removed: Int)? {
        guard max(old.count, new.count) <= TextMerge.bytes, !TextMerge.isBinary(old), !TextMerge.isBinary(new) else {
            return nil
        }
        var numbers: [ArraySlice<UInt8>: Int] = [:]
        func lines(_ bytes: [UInt8]) -> [Int] {
            var pieces = bytes.split(separator: 10, omittingEmptySubsequences: false)
            if pieces.last?.isEmpty == true { pieces.removeLast() }
            return pieces.map { piece in
                if let number = numbers[piece] { return number }
                numbers[piece] = numbers.count
                return numbers.count - 1
            }
        }
        var (a, b) = (lines(old)[...], lines(new)[...])
        while let first = a.first, first == b.first { (a, b) = (a.dropFirst(), b.dropFirst()) }
        while let last = a.last, last == b.last { (a, b) = (a.dropLast(), b.dropLast()) }
        guard let distance = distance(Array(a), Array(b)) else { return nil }
        return ((distance + b.count - a.count) / 2, (distance - b.count + a.count) / 2)
    }

    private static func distance(_ a: [Int], _ b: [Int]) -> Int? {
        let most = min(a.count + b.count, differences)
        // The furthest place in `a` on each diagonal, `most + 1` at the middle.
        var furthest = [Int](repeating: 0, count: 2 * most + 3)
        for edits in 0...most {
            for diagonal in stride(from: -edits, through: edits, by: 2) {
                let place = diagonal + most + 1
                let isDown = diagonal == -edits || (diagonal != edits && furthest[place - 1] < furthest[place + 1])
                var x = isDown ? furthest[place + 1] : furthest[place - 1] + 1
                var y = x - diagonal
                while x < a.count, y >= 0, y < b.count, a[x] == b[y] { (x, y) = (x + 1, y + 1) }
                furthest[place] = x
                if x >= a.count, y >= b.count { return edits }
            }
        }
        return nil
    }
}
