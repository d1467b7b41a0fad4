import Glibc

/// One line of a tree object.
struct TreeItem: Hashable, Sendable {
    var name: [UInt8]
    var version: Version

    var isTree: Bool { version.mode == TreeObject.folder }

    /// git's order: by bytes, a folder as if its name ended in a slash. A file and a folder of one name (on two sides
    /// of a comparison) are two places in it.
    func precedes(_ other: TreeItem) -> Bool { TreeObject.order(self, other) < 0 }
}

/// A tree object, read and written.
enum TreeObject {
    static let folder: UInt32 = 0o40000
    /// Trees nested deeper than this are left to git; captures end at `WorkspaceScan.depth`.
    static let depth = 256

    /// Nil unless the bytes are those of a tree. Total on any bytes; whether names may be written is another question.
    static func parse(_ bytes: [UInt8], idBytes: Int) -> [TreeItem]? {
        var items: [TreeItem] = []
        var offset = 0
        while offset < bytes.count {
            var mode: UInt32 = 0
            let start = offset
            while offset < bytes.count, bytes[offset] != 32 {
                guard (48...55).contains(bytes[offset]), offset - start < 7 else { return nil }
                mode = mode << 3 | UInt32(bytes[offset] - 48)
                offset += 1
            }
            let nameStart = offset + 1
            guard nameStart < bytes.count, let end = bytes[nameStart...].firstIndex(of: 0),
                bytes.count - end > idBytes, let id = ObjectID(raw: bytes[(end + 1)..<(end + 1 + idBytes)])
            else { return nil }
            items.append(TreeItem(name: Array(bytes[nameStart..<end]), version: Version(mode: mode, id: id)))
            offset = end + 1 + idBytes
        }
        return items
    }

    /// - Parameter items: in git's order.
    static func encode(_ items: [TreeItem]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(items.count * 48)
        for item in items {
            bytes += Array(item.version.octalMode.utf8)
            bytes.append(32)
            bytes += item.name
            bytes.append(0)
            bytes += item.version.id.raw
        }
        return bytes
    }

    /// Below zero if `a` comes first, zero for the same place.
    static func order(_ a: TreeItem, _ b: TreeItem) -> Int {
        let common = min(a.name.count, b.name.count)
        let order = a.name.withUnsafeBufferPointer { first in
            b.name.withUnsafeBufferPointer { second -> Int in
                guard common > 0, let one = first.baseAddress, let other = second.baseAddress else { return 0 }
                return Int(memcmp(one, other, common))
            }
        }
        if order != 0 { return order }
        let first = a.name.count > common ? a.name[common] : a.isTree ? 47 : 0
        let second = b.name.count > common ? b.name[common] : b.isTree ? 47 : 0
        if first != second { return Int(first) - Int(second) }
        return a.name.count - b.name.count
    }
}
