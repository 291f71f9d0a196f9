"""What a designer may write next so that its design keeps every limit and is new: masks built on exact prices.

A mask takes the beginning of a tool's arguments (compact JSON) and returns their JSON schema, narrowed where the next
value is chosen. Every value it offers has been shown, by a priced example, to lead to a legal and new network; what
could not be shown is not offered. Among the values offered, the designer's own preferences decide.
"""

from nas.search.masks.begun_json import complete_items
from nas.search.masks.design_mask import DesignMask
from nas.search.masks.edit_mask import EditMask
from nas.search.masks.open_space import OpenSpace

__all__ = ["DesignMask", "EditMask", "OpenSpace", "complete_items"]
