/** What somebody is typing stands until it is taken: an answer that arrives meanwhile does not write over it. */

import type { TargetedEvent } from "preact";
import { useState } from "preact/hooks";

export interface Typed {
  value: string;
  onInput: (event: TargetedEvent<HTMLInputElement>) => void;
  onChange: (event: TargetedEvent<HTMLInputElement>) => void;
}

export function useTyped(value: string, take: (raw: string) => void): Typed {
  const [typed, setTyped] = useState<string | null>(null);
  return {
    value: typed ?? value,
    onInput: (event) => setTyped(event.currentTarget.value),
    onChange: (event) => {
      setTyped(null);
      take(event.currentTarget.value);
    },
  };
}
