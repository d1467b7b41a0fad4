import Primitives

/// A conflict that waits for a person. The record itself - the path, both versions, whose they are - is in the message
/// of the published revision that brought it.
package struct OpenConflict: Hashable, Sendable {
    package var id: ShortID
    /// What people call it: counted over the mesh's life, never used twice.
    package var number: UInt64
    package var revision: Revision
    /// The number of the round.
    package var round: UInt64

    package init(id: ShortID, number: UInt64, revision: Revision, round: UInt64) {
        self.id = id
        self.number = number
        self.revision = revision
        self.round = round
    }
}

/// Every conflict that is open, the same on every device. Bounded: what exceeds the list is counted.
package struct OpenConflicts: Hashable, Sendable {
    /// By number.
    package private(set) var list: [OpenConflict] = []
    package private(set) var lastNumber: UInt64 = 0
    /// Conflicts that came when the list was full: their versions are in the history alone.
    package private(set) var unlisted: UInt32 = 0

    package init() {}

    /// As it was stored; nil if no commands lead there.
    package init?(list: [OpenConflict], lastNumber: UInt64, unlisted: UInt32) {
        guard list.count <= Limits.openConflicts, zip(list, list.dropFirst()).allSatisfy({ $0.number < $1.number }),
            (list.last?.number ?? 0) <= lastNumber
        else { return nil }
        let ids = list.map(\.id).sorted()
        guard zip(ids, ids.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
        self.list = list
        self.lastNumber = lastNumber
        self.unlisted = unlisted
    }

    package subscript(_ id: ShortID) -> OpenConflict? { list.first { $0.id == id } }

    /// The same pair of versions again is the conflict that is open already.
    mutating func open(_ publication: Publication, number: UInt64) {
        var known = list.map(\.id).sorted()
        var left = publication.conflicts
        for id in publication.opened {
            let place = Self.place(of: id, in: known)
            let isKnown = place < known.count && known[place] == id
            guard list.count < Limits.openConflicts || isKnown else { break }
            left = left == 0 ? 0 : left - 1
            if isKnown { continue }
            known.insert(id, at: place)
            lastNumber &+= 1
            list.append(OpenConflict(id: id, number: lastNumber, revision: publication.new, round: number))
        }
        unlisted = min(unlisted &+ min(left, Self.most), Self.most)
    }

    /// The first place in a sorted list whose name is not before this one.
    private static func place(of id: ShortID, in sorted: [ShortID]) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    mutating func close(_ id: ShortID) -> OpenConflict? {
        guard let place = list.firstIndex(where: { $0.id == id }) else { return nil }
        return list.remove(at: place)
    }

    private static let most: UInt32 = 1 << 27
}
